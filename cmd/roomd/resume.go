package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"time"

	"subrosa/firmware/room"
	"subrosa/firmware/session"
	"subrosa/firmware/slot"
	"subrosa/firmware/state"
)

// loadMeter returns the windows of the slots; nil, so used up, when they are not known.
func loadMeter(f state.Folder, log *slog.Logger) *slot.Meter {
	m := slot.New()
	if err := f.Load("slots", m); err != nil {
		log.Info("slots count as used up", "err", err)
		return nil
	}
	return m
}

// restoreSession resumes in the safer state.
func restoreSession(f state.Folder, now time.Time, log *slog.Logger) (*session.Machine, error) {
	b, err := os.ReadFile(f.Path("session"))
	if errors.Is(err, fs.ErrNotExist) {
		return session.New(now, session.Default), nil
	}
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	m, err := session.Restore(b, session.Default)
	if err != nil {
		log.Error("session state is unreadable: the room counts as interrupted", "err", err)
		return session.Lost(now, session.Default), nil
	}
	var alive room.Alive
	gap := time.Duration(math.MaxInt64)                                     // unknown: the safer state
	if err := f.Load("alive", &alive); err == nil && !alive.At.After(now) { // a clock that was set back tells nothing
		gap = now.Sub(alive.At)
	}
	if _, err := m.Apply(now, session.PowerLoss(gap)); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return m, nil
}
