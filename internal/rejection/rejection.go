// Package rejection knows the errors by which a guard, such as a limiter, turns a call
// away that it may let through later. What watches calls asks here, for it does not
// import the package of the guards.
package rejection

var is = func(error) bool { return false }

// Know has [Is] ask f. It is for the init of the package with the guards: where that
// is not in the program, there are no such errors.
func Know(f func(error) bool) { is = f }

// Is tells whether err is the rejection of a guard, or has one in it. It is safe for
// concurrent use.
func Is(err error) bool { return is(err) }
