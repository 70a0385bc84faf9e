// Package sample is a small shop to try the services on: its products, a file of
// orders, and a generator of more.
//
// How each order of the sample ends does not depend on the order in which they
// are worked on: what is scarce is bought one piece at a time, at one price, with
// good cards; of the rest there is enough. So the same orders give the same
// totals with any number of workers.
package sample

import (
	"bytes"
	_ "embed"
	"io"
)

// product is something the shop sells.
type product struct {
	sku    string
	cents  int64 // the list price
	stock  int64
	scarce bool
}

var products = []product{
	{sku: "BEANS-1KG", cents: 2190, stock: 600},
	{sku: "CUP-BLUE", cents: 1250, stock: 500},
	{sku: "CUP-WHITE", cents: 1150, stock: 500},
	{sku: "FILTER-100", cents: 490, stock: 900},
	{sku: "GRINDER-HAND", cents: 7900, stock: 250},
	{sku: "KETTLE-1L", cents: 4550, stock: 300},
	{sku: "LAMP-SIGNED", cents: 24900, stock: 12, scarce: true},
	{sku: "MACHINE-DUO", cents: 129900, stock: 150},
	{sku: "POT-COPPER", cents: 8990, stock: 20, scarce: true},
	{sku: "SCALE-POCKET", cents: 3350, stock: 300},
	{sku: "TEA-GREEN", cents: 890, stock: 700},
	{sku: "TRAY-OAK", cents: 2790, stock: 350},
}

// Stock is what the shop has before the orders of the sample file come in, in
// pieces of each SKU.
func Stock() map[string]int64 {
	stock := map[string]int64{}
	for _, p := range products {
		stock[p.sku] = p.stock
	}
	return stock
}

//go:embed orders.jsonl
var orders []byte

// Orders is the sample file: JSON Lines, some of which are malformed.
func Orders() io.Reader { return bytes.NewReader(orders) }
