// Package rtlsdrtest is librtlsdr for tests: the C symbols that the binding refers to, answering as a script in Go
// says. A test program that imports it gets these in place of the library's, also where the library is linked.
package rtlsdrtest
