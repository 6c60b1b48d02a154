package main

import (
	"github.com/genbench/genbench/internal/benchnets"
	"github.com/genbench/genbench/models"
)

// nets are the convolutional networks that both sides train.
func nets() []benchnets.Net { return benchnets.Convolutional() }

// architecture builds the row's network.
func (r row) architecture() (models.Architecture, error) {
	for _, n := range nets() {
		if n.Name == r.Net {
			return n.Build()
		}
	}
	last := len(r.Widths) - 1
	return models.MLP(models.Shape{C: 1, H: 1, W: r.Widths[0]}, r.Widths[last], models.MLPOptions{Widths: r.Widths[1:last], BatchNorm: r.BatchNorm})
}
