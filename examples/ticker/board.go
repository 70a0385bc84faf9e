package main

import (
	"slices"
	"strings"
	"sync"

	"github.com/fsmediator/mediator/examples/ticker/market"
)

// board keeps the latest prices, as one consumer got them. It is safe for concurrent
// use.
type board struct {
	mu     sync.Mutex
	prices map[string]*price
}

// price is what is known of one symbol.
type price struct {
	Symbol string  `json:"symbol"`
	Price  float64 `json:"price"`
	// Change is how much the price is above the first one, as a share of that.
	Change float64 `json:"change"`
	Day    string  `json:"day,omitempty"`
	// History is the latest prices, the newest last.
	History []float64 `json:"history"`

	first float64
}

const keptPrices = 48

func newBoard() *board { return &board{prices: map[string]*price{}} }

// take puts a quote on the board.
func (b *board) take(q market.Quote) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.prices[q.Symbol]
	if p == nil {
		p = &price{Symbol: q.Symbol, first: q.Price, History: make([]float64, 0, keptPrices)}
		b.prices[q.Symbol] = p
	}
	p.Price, p.Day, p.Change = q.Price, q.Day, q.Price/p.first-1
	if len(p.History) == keptPrices {
		p.History = append(p.History[:0], p.History[1:]...)
	}
	p.History = append(p.History, q.Price)
}

// all returns what is on the board, by symbol.
func (b *board) all() []price {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]price, 0, len(b.prices))
	for _, p := range b.prices {
		one := *p
		one.History = slices.Clone(p.History)
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b price) int { return strings.Compare(a.Symbol, b.Symbol) })
	return all
}
