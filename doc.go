package mediator
