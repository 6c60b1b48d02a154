package quantity

import "github.com/genbench/genbench/models"

// sumColumns maps each layer of the architecture to its column of the sums, -1
// for none, and counts the columns.
func (s *Subject) sumColumns(layers string, logits bool) ([]int, int) {
	all := s.Arch.Layers
	classifier := -1 // the last layer with weights
	for l, layer := range all {
		if weighs(layer) {
			classifier = l
		}
	}
	normed, shortcut := s.normed(), s.shortcuts()
	columns := make([]int, len(all))
	count := 0
	for l, layer := range all {
		columns[l] = -1
		take := false
		last := l == len(all)-1
		switch layers {
		case "released":
			take = weighs(layer) && l != classifier
		case "paper":
			of := l
			if layer.Kind == models.BatchNorm {
				of = s.Arch.Sources()[l]
			}
			take = (weighs(layer) && !normed[l] || layer.Kind == models.BatchNorm) && of != classifier && !shortcut[of]
		case "post_relu":
			take = layer.Kind == models.ReLU
		}
		if take || last && logits {
			columns[l] = count
			count++
		}
	}
	return columns, count
}

func weighs(l models.Layer) bool { return l.Kind == models.Dense || l.Kind == models.Conv2D }

// normed says of each layer whether a batch norm reads it.
func (s *Subject) normed() map[int]bool {
	normed := map[int]bool{}
	for l, from := range s.Arch.Sources() {
		if s.Arch.Layers[l].Kind == models.BatchNorm {
			normed[from] = true
		}
	}
	return normed
}

// shortcuts are the convolutions that go round a residual block: they read a layer that another before them has read, and an add
// reads them, or the batch norm behind them.
func (s *Subject) shortcuts() map[int]bool {
	from := s.Arch.Sources()
	through := func(l int) int { // a batch norm's convolution, or the layer itself
		if l >= 0 && s.Arch.Layers[l].Kind == models.BatchNorm {
			return from[l]
		}
		return l
	}
	shortcut := map[int]bool{}
	for l := range s.Arch.Layers {
		with, ok := s.Arch.Summand(l)
		if !ok {
			continue
		}
		for _, branch := range []int{through(from[l]), through(with)} {
			if branch >= 0 && s.Arch.Layers[branch].Kind == models.Conv2D && s.Arch.Layers[branch].From != "" {
				shortcut[branch] = true
			}
		}
	}
	return shortcut
}

// mapChannels is what the sum of each layer's values is divided by: the channels of feature maps where reduce averages them, else 1.
func (s *Subject) mapChannels(reduce string) []float64 {
	from, shapes := s.Arch.Sources(), s.Arch.Shapes()
	isMap := func(l int) bool { return l == models.Input && s.Arch.Input.H*s.Arch.Input.W > 1 }
	maps := make([]bool, len(shapes))
	by := make([]float64, len(shapes))
	for l, layer := range s.Arch.Layers {
		switch layer.Kind {
		case models.Conv2D:
			maps[l] = true
		case models.Dense, models.Flatten, models.GlobalAvgPool:
		default:
			maps[l] = isMap(from[l]) || from[l] >= 0 && maps[from[l]]
		}
		by[l] = 1
		if maps[l] && reduce == "mean_channel_sum_space" {
			by[l] = float64(shapes[l].C)
		}
	}
	return by
}
