// Package boltmediator keeps dead letters in one file, without a server: a
// [deadletter.Store] on bbolt.
//
//	store, err := boltmediator.Open("letters.db")
//	if err != nil { … }
//	defer store.Close()
//	m, err := mediator.New(mediator.Use(deadletter.Behavior(store)), …)
//
// A letter is on the disk when Put returns: written and synced, so that it
// survives the end of the process, however it ends, and that of the machine as
// far as its disks keep what they say. Puts that wait at the same time share one
// transaction and its two syncs.
//
// The file can also hold what is on its way to elsewhere: see [Outbox].
//
// The command cmd/deadletters lists, shows, exports and deletes the letters of a
// file that no process has open.
package boltmediator
