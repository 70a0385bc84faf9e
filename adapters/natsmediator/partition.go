package natsmediator

import (
	"fmt"
	"hash/fnv"
	"reflect"
	"strconv"
)

// Keyed is implemented by an event whose order matters among those of one key: an
// account, an order. [Durable] has each group handle the events of one key one
// after the other, in the order they were stored, also if several processes share
// the group, and while one is tried again those after it wait.
//
// The method belongs on the type that is published: on a value's type, if values
// are.
type Keyed interface {
	PartitionKey() string
}

// Identified is implemented by an event that knows its own identity: of those with
// the same ID, not empty, that are published within [DedupWindow] one is stored.
// It makes a Publish that failed, and may have stored the event all the same, safe
// to repeat.
type Identified interface {
	EventID() string
}

// Partition is the partition that [Durable] puts a key's events in: the FNV-1a hash
// of 32 bits of the key's bytes, modulo the number of partitions. Publishers in
// other languages do the same. It panics if partitions is not positive.
func Partition(key string, partitions int) int {
	checkPositive("Partition", partitions)
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // never fails
	return int(h.Sum32() % uint32(partitions))
}

// EventSubject is the subject that [Durable] stores the events of a name with: that
// of a major version and a partition in a namespace. The name is written as
// [Subject] does.
func EventSubject(namespace, name string, major, partition int) string {
	return eventPrefix(namespace, name, major) + strconv.Itoa(partition)
}

func eventPrefix(namespace, name string, major int) string {
	return namespace + ".evt." + escapeToken(name) + ".v" + strconv.Itoa(major) + "."
}

// isKeyed tells whether events of a type have a key. A method that only the pointer
// to what is published has would be left out of account silently.
func isKeyed(t reflect.Type) (bool, error) {
	for _, method := range []reflect.Type{reflect.TypeFor[Keyed](), reflect.TypeFor[Identified]()} {
		if t.Kind() != reflect.Pointer && !t.Implements(method) && reflect.PointerTo(t).Implements(method) {
			return false, fmt.Errorf("%v has the method %s on its pointer only: move it to the value, or publish pointers", t, method.Method(0).Name)
		}
	}
	return t.Implements(reflect.TypeFor[Keyed]()), nil
}
