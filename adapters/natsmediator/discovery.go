package natsmediator

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// announce answers PING, INFO and STATS of the NATS services framework (ADR-32),
// in its types. Its own Service is not used: it takes the time of a request as
// that of the subscription's callback, which here ends long before the handler
// does, it stops the service for good when a subscription falls behind, and it
// replaces the handlers of the connection, which several services share.
func (s *Service) announce() error {
	for verb, answer := range map[micro.Verb]func() any{
		micro.PingVerb:  func() any { return micro.Ping{ServiceIdentity: s.identity(), Type: micro.PingResponseType} },
		micro.InfoVerb:  func() any { return s.info() },
		micro.StatsVerb: func() any { return s.stats() },
	} {
		for _, who := range [][2]string{{"", ""}, {s.name, ""}, {s.name, s.id}} {
			subject, err := micro.ControlSubject(verb, who[0], who[1])
			if err != nil {
				return err
			}
			if err := s.listen(subject, func(msg *nats.Msg) { s.tell(msg, answer()) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) tell(msg *nats.Msg, v any) {
	data, err := json.Marshal(v)
	if err == nil && msg.Reply != "" {
		err = msg.Respond(data)
	}
	if err != nil {
		s.node.config.log.Error("natsmediator: reply not sent", "service", s.name, "subject", msg.Subject, "error", err)
	}
}

func (s *Service) identity() micro.ServiceIdentity {
	return micro.ServiceIdentity{Name: s.name, ID: s.id, Version: fmt.Sprintf("%d.0.0", s.config.major), Metadata: map[string]string{}}
}

func (s *Service) info() micro.Info {
	info := micro.Info{ServiceIdentity: s.identity(), Type: micro.InfoResponseType, Description: "handlers of a mediator", Endpoints: []micro.EndpointInfo{}}
	for _, e := range s.endpoints {
		info.Endpoints = append(info.Endpoints, micro.EndpointInfo{
			Name: endpointName(e.name), Subject: e.subject, QueueGroup: s.name,
			Metadata: map[string]string{"message": e.name, "kind": e.kind.String()},
		})
	}
	return info
}

func (s *Service) stats() micro.Stats {
	stats := micro.Stats{ServiceIdentity: s.identity(), Type: micro.StatsResponseType, Started: s.started, Endpoints: []*micro.EndpointStats{}}
	for _, e := range s.endpoints {
		e.mu.Lock()
		one := e.stats
		e.mu.Unlock()
		one.Name = endpointName(e.name)
		one.AverageProcessingTime = one.ProcessingTime / time.Duration(max(one.NumRequests, 1))
		stats.Endpoints = append(stats.Endpoints, &one)
	}
	return stats
}

// endpointName is a message's name in the letters that the framework allows. The
// true one is in the metadata.
func endpointName(name string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && isToken(string(r)) {
			return r
		}
		return '_'
	}, name)
}
