package quantity

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"image"
	"image/png"
	"math"
	"strconv"
	"strings"
)

// computeComplexity is α(x) of CNA for each example:
//
//	complexity=entropy  entropy of the histogram of the pixel values over range=LOW:HIGH (0:1), all channels pooled, in bits
//	complexity=gzip     length of the gzip-compressed pixels, bytes
//	complexity=png      length of the PNG file, bytes
//
// Pixels are the original ones: native resolution, 8 bits as values in [0, 1], before
// pooling, noise and normalisation. With noised=true they are the network's input. Values outside the
// range are clipped to it (out_of_range=clip, the default), dropped (drop, what numpy.histogram and so the
// authors' code does) or refused (error). gzip and png see the values clipped to [0, 1] and rounded to 8 bits,
// whatever the range.
//
// The histogram is numpy.histogram's: bins closed on the left, the last closed
// on both sides. scale=published is the value of the authors' code, which takes
// densities for probabilities: b·(H - log2 b), b bins in a unit of length, an affine function of H.
//
// Source: Gain and Siegelmann, "Abstraction mechanisms predict generalization in
// deep neural networks", arXiv:1905.11515; alexgain/cna-icml2020, usage/cna_utils.py.
func computeComplexity(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	s := p.subject
	split := a["split"]
	index := s.examples(split, a.number("examples"))
	if len(index) == 0 {
		return nil, undefined("the %s split has no examples", split)
	}
	m := newComplexityMeter(a)
	m.native, m.c, m.h, m.w = s.Data.Train.Native, s.Data.NativeShape.C, s.Data.NativeShape.H, s.Data.NativeShape.W
	if split == "test" {
		m.native = s.Data.Test.Native
	}
	if a.flag("noised") {
		m.native = nil
		m.inputs, _ = s.inputs(split)
		m.c, m.h, m.w = s.Arch.Input.C, s.Arch.Input.H, s.Arch.Input.W
	}
	values := make([]float64, len(index))
	for i, n := range index {
		if i%widestBatch == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		v, err := m.measure(int(n))
		if err != nil {
			return nil, readFailure(split, n, err)
		}
		values[i] = v
	}
	return []payload{
		{name: "values", shape: []int{len(values)}, f64: values},
		{name: "index", shape: []int{len(index)}, i32: index},
	}, nil
}

// complexityMeter holds what is measured: native pixels or the network's inputs.
type complexityMeter struct {
	a         arguments
	low, high float64 // the range
	bins      int
	native    []uint8
	inputs    []float32
	c, h, w   int

	values []float64 // of one example
	pixels []float64 // of those, brought into the range
	counts []int
	table  []int // bin of each 8-bit value
	buffer bytes.Buffer
	gzip   *gzip.Writer
}

func newComplexityMeter(a arguments) *complexityMeter {
	m := &complexityMeter{a: a, bins: a.number("bins")}
	m.low, m.high = a.bounds()
	m.counts = make([]int, m.bins)
	return m
}

func (m *complexityMeter) measure(n int) (float64, error) {
	size := m.c * m.h * m.w
	if m.native != nil {
		b := m.native[n*size : (n+1)*size]
		switch {
		case m.a["complexity"] != "entropy":
			return m.compressed(b)
		case m.low <= 0 && m.high >= 1:
			return m.entropy(m.count8(b)), nil
		}
		m.values = m.values[:0]
		for _, k := range b {
			m.values = append(m.values, float64(k)/255)
		}
		return m.settled()
	}
	m.values = m.values[:0]
	for _, f := range m.inputs[n*size : (n+1)*size] {
		m.values = append(m.values, float64(f))
	}
	return m.settled()
}

// settled is the complexity of values, once they are brought into the range.
func (m *complexityMeter) settled() (float64, error) {
	if err := m.settle(); err != nil {
		return 0, err
	}
	if m.a["complexity"] == "entropy" {
		return m.entropy(m.countFloats(m.pixels)), nil
	}
	b := make([]uint8, len(m.pixels))
	for i, v := range m.pixels {
		b[i] = uint8(math.Round(v * 255))
	}
	return m.compressed(b)
}

// settle brings values into the range as out_of_range says.
func (m *complexityMeter) settle() error {
	m.pixels = m.pixels[:0]
	for i, v := range m.values {
		if v < m.low || v > m.high {
			switch m.a["out_of_range"] {
			case "error":
				return fmt.Errorf("value %d is %.6g, outside [%g, %g]: choose out_of_range clip or drop, another range, or the original image (noised=false)", i, v, m.low, m.high)
			case "drop":
				if m.a["complexity"] == "entropy" {
					continue
				}
			}
			v = min(max(v, m.low), m.high) // an image keeps its size: its files clip
		}
		m.pixels = append(m.pixels, v)
	}
	if len(m.pixels) == 0 {
		return fmt.Errorf("no value is in [%g, %g]: choose out_of_range clip, or another range", m.low, m.high)
	}
	return nil
}

// count8 is the histogram of 8-bit pixels k/255, all in the range.
func (m *complexityMeter) count8(pixels []uint8) []int {
	if m.table == nil {
		m.table = make([]int, 256)
		for k := range m.table {
			m.table[k] = m.bin(float64(k) / 255)
		}
	}
	clear(m.counts)
	for _, k := range pixels {
		m.counts[m.table[k]]++
	}
	return m.counts
}

func (m *complexityMeter) countFloats(pixels []float64) []int {
	clear(m.counts)
	for _, v := range pixels {
		m.counts[m.bin(v)]++
	}
	return m.counts
}

// bin is the bin of v in the range, with numpy.histogram's correction of values
// that rounding puts beyond an edge; the edges are numpy.linspace's.
func (m *complexityMeter) bin(v float64) int {
	i := min(int((v-m.low)*(float64(m.bins)/(m.high-m.low))), m.bins-1)
	if v < m.edge(i) {
		return i - 1
	}
	if i < m.bins-1 && v >= m.edge(i+1) {
		return i + 1
	}
	return i
}

// edge is the lower end of bin i.
func (m *complexityMeter) edge(i int) float64 {
	return float64(float64(i)*((m.high-m.low)/float64(m.bins))) + m.low
}

// entropy of a histogram, on the scale asked for.
func (m *complexityMeter) entropy(counts []int) float64 {
	total := 0
	for _, c := range counts {
		total += c
	}
	var h float64
	for _, c := range counts {
		if c > 0 {
			q := float64(c) / float64(total)
			h -= q * math.Log2(q)
		}
	}
	if m.a["scale"] == "published" {
		density := float64(m.bins) / (m.high - m.low)
		return density * (h - math.Log2(density))
	}
	return h
}

// canonicalRange is LOW:HIGH in the shortest spelling; "" is 0:1.
func canonicalRange(v string) (string, error) {
	if v == "" {
		return "0:1", nil
	}
	low, high, ok := strings.Cut(v, ":")
	l, errLow := strconv.ParseFloat(low, 64)
	h, errHigh := strconv.ParseFloat(high, 64)
	if !ok || errLow != nil || errHigh != nil || !(l < h) || math.IsInf(l, 0) || math.IsInf(h, 0) {
		return "", fmt.Errorf("%q is not LOW:HIGH, two numbers of which the first is smaller", v)
	}
	return strconv.FormatFloat(l, 'g', -1, 64) + ":" + strconv.FormatFloat(h, 'g', -1, 64), nil
}

// bounds is the argument range.
func (a arguments) bounds() (low, high float64) {
	l, h, _ := strings.Cut(a["range"], ":") // canonical has checked it
	low, _ = strconv.ParseFloat(l, 64)
	high, _ = strconv.ParseFloat(h, 64)
	return low, high
}

// compressed is the length of the image, [C, H, W], as gzip or PNG.
func (m *complexityMeter) compressed(pixels []uint8) (float64, error) {
	m.buffer.Reset()
	if m.a["complexity"] == "gzip" {
		if m.gzip == nil {
			w, err := gzip.NewWriterLevel(&m.buffer, gzip.BestCompression)
			if err != nil {
				return 0, err
			}
			m.gzip = w
		} else {
			m.gzip.Reset(&m.buffer)
		}
		if _, err := m.gzip.Write(pixels); err != nil {
			return 0, err
		}
		if err := m.gzip.Close(); err != nil {
			return 0, err
		}
		return float64(m.buffer.Len()), nil
	}
	img, err := m.image(pixels)
	if err != nil {
		return 0, err
	}
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(&m.buffer, img); err != nil {
		return 0, err
	}
	return float64(m.buffer.Len()), nil
}

func (m *complexityMeter) image(pixels []uint8) (image.Image, error) {
	area := m.h * m.w
	switch m.c {
	case 1:
		return &image.Gray{Pix: pixels, Stride: m.w, Rect: image.Rect(0, 0, m.w, m.h)}, nil
	case 3:
		img := image.NewNRGBA(image.Rect(0, 0, m.w, m.h))
		for i := range area {
			img.Pix[4*i], img.Pix[4*i+1], img.Pix[4*i+2], img.Pix[4*i+3] = pixels[i], pixels[area+i], pixels[2*area+i], 255
		}
		return img, nil
	}
	return nil, undefined("an image of %d channels has no PNG: use complexity gzip or entropy", m.c)
}
