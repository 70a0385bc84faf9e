module github.com/fsmediator/mediator

go 1.26
