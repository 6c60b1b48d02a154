package quantity

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"image"
	"image/png"
	"math"
)

// computeComplexity is α(x) of CNA for each example:
//
//	complexity=entropy  entropy of the histogram of the pixel values over [0, 1], all channels pooled, in bits
//	complexity=gzip     length of the gzip-compressed pixels, bytes
//	complexity=png      length of the PNG file, bytes
//
// Pixels are the original ones: native resolution, 8 bits, before pooling,
// noise and normalisation. With noised=true they are the network's input, of which
// values outside [0, 1] are clipped (out_of_range=clip, the default), dropped
// (drop, what numpy.histogram and so the authors' code does) or refused (error);
// gzip and png then see them rounded to 8 bits.
//
// The histogram is numpy.histogram's: bins closed on the left, the last closed
// on both sides. scale=published is the value of the authors' code, which takes
// densities for probabilities: bins·(H - log2 bins), an affine function of H.
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
	m := &complexityMeter{a: a, native: s.Data.Train.Native, c: s.Data.NativeShape.C, h: s.Data.NativeShape.H, w: s.Data.NativeShape.W}
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
		if i%batch == 0 && ctx.Err() != nil {
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
	a       arguments
	native  []uint8
	inputs  []float32
	c, h, w int

	pixels []float64 // of one example, in [0, 1]
	counts []int
	table  []int // bin of each 8-bit value
	buffer bytes.Buffer
	gzip   *gzip.Writer
}

func (m *complexityMeter) measure(n int) (float64, error) {
	size := m.c * m.h * m.w
	if m.native != nil {
		b := m.native[n*size : (n+1)*size]
		if m.a["complexity"] == "entropy" {
			return m.entropy(m.count8(b)), nil
		}
		return m.compressed(b)
	}
	if err := m.settle(m.inputs[n*size : (n+1)*size]); err != nil {
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

// settle brings an input into [0, 1] as out_of_range says.
func (m *complexityMeter) settle(x []float32) error {
	m.pixels = m.pixels[:0]
	for i, f := range x {
		v := float64(f)
		if v < 0 || v > 1 {
			switch m.a["out_of_range"] {
			case "error":
				return fmt.Errorf("input %d is %v, outside [0, 1]: choose out_of_range clip or drop, or the original image (noised=false)", i, f)
			case "drop":
				if m.a["complexity"] == "entropy" {
					continue
				}
			}
			v = min(max(v, 0), 1) // an image keeps its size: its files clip
		}
		m.pixels = append(m.pixels, v)
	}
	if len(m.pixels) == 0 {
		return fmt.Errorf("no input is in [0, 1]: choose out_of_range clip")
	}
	return nil
}

// count8 is the histogram of 8-bit pixels k/255.
func (m *complexityMeter) count8(pixels []uint8) []int {
	if m.table == nil {
		m.table = make([]int, 256)
		for k := range m.table {
			m.table[k] = bin(float64(k)/255, m.a.number("bins"))
		}
		m.counts = make([]int, m.a.number("bins"))
	}
	clear(m.counts)
	for _, k := range pixels {
		m.counts[m.table[k]]++
	}
	return m.counts
}

func (m *complexityMeter) countFloats(pixels []float64) []int {
	bins := m.a.number("bins")
	if m.counts == nil {
		m.counts = make([]int, bins)
	}
	clear(m.counts)
	for _, v := range pixels {
		m.counts[bin(v, bins)]++
	}
	return m.counts
}

// bin is the bin of v in [0, 1], with numpy.histogram's correction of values
// that rounding puts beyond an edge; the edges are numpy.linspace's i·(1/bins).
func bin(v float64, bins int) int {
	step := 1 / float64(bins)
	i := min(int(v*float64(bins)), bins-1)
	if v < float64(i)*step {
		return i - 1
	}
	if i < bins-1 && v >= float64(i+1)*step {
		return i + 1
	}
	return i
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
		bins := float64(len(counts))
		return bins * (h - math.Log2(bins))
	}
	return h
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
