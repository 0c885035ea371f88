package main

import (
	"cosmossdk.io/log"
	cometlog "github.com/cometbft/cometbft/libs/log"
)

// applicationLogger writes what modules say into CometBFT's log, in its format and by its level.
type applicationLogger struct{ to cometlog.Logger }

func (l applicationLogger) Debug(text string, pairs ...any) { l.to.Debug(text, pairs...) }
func (l applicationLogger) Info(text string, pairs ...any)  { l.to.Info(text, pairs...) }

// Warn is an error's level: CometBFT has none between the two, and a warning must not be lost at the level "error".
func (l applicationLogger) Warn(text string, pairs ...any)  { l.to.Error(text, pairs...) }
func (l applicationLogger) Error(text string, pairs ...any) { l.to.Error(text, pairs...) }

// With returns a logger that says more with every line; modules name themselves by it.
func (l applicationLogger) With(pairs ...any) log.Logger {
	return applicationLogger{l.to.With(pairs...)}
}

// Impl returns what writes.
func (l applicationLogger) Impl() any { return l.to }
