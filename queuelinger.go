//go:build !race

package mediator

// lingers is how many looks at a word of its own take a waiting side about a
// microsecond.
const lingers = 4000
