// Package fftw is empty without the build tag peer.
package fftw
