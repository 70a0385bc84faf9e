package printing

// SizeOf is for the black-box tests.
var SizeOf = sizeOf
