package main

// For the black-box tests: a program cannot export.
var (
	Run       = run
	Serve     = serve
	ServiceOf = serviceOf
	Hide      = hide
)
