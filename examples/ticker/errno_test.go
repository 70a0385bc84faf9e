package main_test

import (
	"errors"
	"syscall"
)

const errNoSpace = syscall.ENOSPC

var errCut = errors.New("cut")
