package main_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	ticker "github.com/fsmediator/mediator/examples/ticker"
)

const errNoSpace = syscall.ENOSPC

var errCut = errors.New("cut")

func TestInputThatBreaksOff(t *testing.T) {
	var stdout, stderr bytes.Buffer
	in := io.MultiReader(strings.NewReader("symbol,price\nACME,1\n"), brokenReader{})
	require.Equal(t, 2, ticker.Run(t.Context(), []string{"-http", "", "-in", "-", "-rate", "1000"}, in, &stdout, &stderr))
	require.Equal(t, "ticker: standard input: line 3: cable: cut\n", stderr.String())
	require.Contains(t, stdout.String(), "1 quotes of standard input")
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, os.NewSyscallError("cable", errCut) }

func TestBadFlagsAndFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	empty, notes := file("empty.csv", ""), file("notes.txt", "Dear diary,\n")
	for want, args := range map[string][]string{
		"flag provided but not defined: -x":                      {"-x"},
		`invalid value "many" for flag -rate`:                    {"-rate", "many"},
		"-rate 0: must be above 0":                               {"-rate", "0"},
		"-rate -1: must be above 0":                              {"-rate", "-1"},
		"-rate NaN: must be above 0":                             {"-rate", "NaN"},
		"-rate 100001: must be above 0, at most 100000":          {"-rate", "100001"},
		`-in needs the name of a file, or "-"`:                   {"-in", ""},
		"-seed is for a random walk":                             {"-seed", "3"},
		"-faults 1.5: must be a share from 0 to 1":               {"-faults", "1.5"},
		"-faults NaN: must be a share from 0 to 1":               {"-faults", "NaN"},
		"-duration 0s: must be above 0":                          {"-duration", "0s"},
		"-stay -1s: must be above 0":                             {"-stay", "-1s"},
		"-away 0s: must be above 0":                              {"-away", "0s"},
		"-stall-every 0s: must be above 0":                       {"-stall-every", "0s"},
		"-stall 1ms: must be 50ms to 2m0s":                       {"-stall", "1ms"},
		"-interval 1h0m0s: must be 50ms to 2m0s":                 {"-interval", "1h"},
		"-slow and -drain cannot be negative":                    {"-slow", "-1s"},
		"-capacity 0: must be 1 to 1000000":                      {"-capacity", "0"},
		`there is no "fifo", but block, buffer, dropnewest`:      {"-strategy", "fifo"},
		`-strategy none=block: there is no consumer "none", but`: {"-strategy", "none=block"},
		`there is no "fastest", but analytics, balanced,`:        {"-preset", "fastest"},
		"there is no symbol":                                     {"-rate", "5", "-symbols", "A,,B"},
		"A is there twice":                                       {"-rate", "5", "-symbols", "A,A"},
		`unexpected argument "prices.csv"`:                       {"prices.csv"},
		filepath.Join(dir, "missing.csv") + ": no such":          {"-in", filepath.Join(dir, "missing.csv")},
		"is a directory":                                         {"-in", dir},
		empty + ": it is empty; the first line must be":          {"-in", empty},
		notes + ": line 1: not the header of a file of quotes":   {"-in", notes},
		"-http nowhere: listen tcp":                              {"-http", "nowhere"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 2, ticker.Run(t.Context(), args, strings.NewReader(""), &stdout, &stderr), "%v", args)
		require.Empty(t, stdout.String(), "%v", args)
		require.Contains(t, stderr.String(), want, "%v", args)
		require.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one line: %q", stderr.String())
		require.True(t, strings.HasPrefix(stderr.String(), "ticker: "), stderr.String())
	}
}

func TestHelp(t *testing.T) {
	for _, flag := range []string{"-h", "-help", "--help"} {
		code, stdout, stderr := run(t, "", flag)
		require.Zero(t, code)
		require.Empty(t, stderr)
		require.Contains(t, stdout, "Usage: ticker [flags]")
		require.Contains(t, stdout, "go run ./examples/ticker -rate 200 -stall-every 10s")
	}
}

func TestOutputThatCannotBeWritten(t *testing.T) {
	for _, args := range [][]string{{"-http", "", "-in", "-", "-json"}, {"-h"}} {
		var stderr bytes.Buffer
		require.Equal(t, 1, ticker.Run(t.Context(), args, strings.NewReader("symbol,price\n"), fullDisk{}, &stderr))
		require.Contains(t, stderr.String(), "no space left")
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, os.NewSyscallError("write", errNoSpace) }
