package natsmediator_test

import (
	"os"

	"github.com/nats-io/nats-server/v2/server"
)

// noSync makes tests that are not about the loss of power faster.
func noSync(o *server.Options) { o.SyncAlways = false }

// tempDir is a directory for an Example.
func tempDir() (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "natsmediator-*")
	if err != nil {
		panic(err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }
}
