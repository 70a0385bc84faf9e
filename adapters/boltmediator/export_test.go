package boltmediator

import "go.etcd.io/bbolt"

// Behind changes the file without the store's knowledge, as a transaction does
// whose last sync fails: it is in the file, and its callers got an error.
func (s *Store) Behind(change func(*bbolt.Tx) error) error { return s.db.Update(change) }
