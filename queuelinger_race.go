//go:build race

package mediator

// lingers is less under the race detector, where each look costs far more.
const lingers = 50
