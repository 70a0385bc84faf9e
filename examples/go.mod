module github.com/fsmediator/mediator/examples

go 1.26

replace (
	github.com/fsmediator/mediator => ../
	github.com/fsmediator/mediator/adapters/boltmediator => ../adapters/boltmediator
)

require (
	github.com/fsmediator/mediator v0.0.0-00010101000000-000000000000
	github.com/fsmediator/mediator/adapters/boltmediator v0.0.0-00010101000000-000000000000
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
	golang.org/x/term v0.45.0
)

require (
	go.etcd.io/bbolt v1.5.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)
