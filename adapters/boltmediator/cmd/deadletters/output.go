package main

import (
	"bufio"
	"io"
	"os"
)

// output is standard output, and standard error for what is no failure.
type output struct {
	*bufio.Writer
	to, stderr io.Writer
}

// sync returns once what was written is as safe as it can be: on the disk, if it
// goes to a file.
func (o *output) sync() error {
	if err := o.Flush(); err != nil {
		return err
	}
	if f, ok := o.to.(*os.File); ok {
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return err
		}
	}
	if f, ok := o.to.(interface{ Sync() error }); ok {
		return f.Sync()
	}
	return nil
}
