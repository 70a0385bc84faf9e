// Package natstest holds the tests of otelmediator across natsmediator. It is a
// module of its own, so that who uses otelmediator gets no NATS with it.
package natstest
