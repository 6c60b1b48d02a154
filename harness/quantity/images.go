package quantity

import (
	"math"

	"github.com/genbench/genbench/models"
)

// picture transforms single images, [C, H, W] with C 1 or 3, as a network reads them. The definitions are those
// of tf.image (TensorFlow 2), in float64 and rounded once; values are not clipped, as tf.image does not clip
// floats. dst and src must not overlap.
type picture struct{ c, h, w int }

// pictureOf says why inputs of that shape are not images.
func pictureOf(s models.Shape) (picture, error) {
	if s.C != 1 && s.C != 3 || s.H < 2 || s.W < 2 {
		return picture{}, undefined("inputs of shape [%d, %d, %d] are no images: those have 1 or 3 channels and at least 2 x 2 pixels", s.C, s.H, s.W)
	}
	return picture{s.C, s.H, s.W}, nil
}

// flip mirrors left and right.
func (q picture) flip(dst, src []float32) {
	for lo := 0; lo < len(src); lo += q.w {
		for x := range q.w {
			dst[lo+x] = src[lo+q.w-1-x]
		}
	}
}

// brighten adds delta.
func (q picture) brighten(dst, src []float32, delta float64) {
	for i, v := range src {
		dst[i] = float32(float64(v) + delta)
	}
}

// contrast scales each channel about its mean.
func (q picture) contrast(dst, src []float32, factor float64) {
	area := q.h * q.w
	for lo := 0; lo < len(src); lo += area {
		var mean float64
		for _, v := range src[lo : lo+area] {
			mean += float64(v)
		}
		mean /= float64(area)
		for i, v := range src[lo : lo+area] {
			dst[lo+i] = float32(float64((float64(v)-mean)*factor) + mean)
		}
	}
}

// saturate scales the saturation (HSV) and cuts it at 1. At constant hue and value each
// channel's distance from the largest scales with it. Grey images have no saturation and stay
// as they are. (tf.image's way there through RGB and back multiplies them by 0.9999.)
func (q picture) saturate(dst, src []float32, factor float64) {
	if q.c == 1 {
		copy(dst, src)
		return
	}
	area := q.h * q.w
	for i := range area {
		rgb := [3]float64{float64(src[i]), float64(src[area+i]), float64(src[2*area+i])}
		top, low := max(rgb[0], rgb[1], rgb[2]), min(rgb[0], rgb[1], rgb[2])
		scale := factor
		if s := (top - low) / top; s < 0 {
			scale = 0 // a negative largest value, after normalisation: tf.image cuts the saturation at 0
		} else if s*factor > 1 {
			scale = 1 / s
		}
		for c, v := range rgb {
			dst[c*area+i] = float32(top - float64((top-v)*scale))
		}
	}
}

// hue turns the hue (HSV) by delta, in turns. Grey images stay as they are.
func (q picture) hue(dst, src []float32, delta float64) {
	if q.c == 1 {
		copy(dst, src)
		return
	}
	area := q.h * q.w
	for i := range area {
		r, g, b := float64(src[i]), float64(src[area+i]), float64(src[2*area+i])
		top, low := max(r, g, b), min(r, g, b)
		turned := turn(sextant(r, g, b, top, top-low)+6*delta, low, top)
		for c := range 3 {
			dst[c*area+i] = float32(turned[c])
		}
	}
}

// sextant is the hue in sixths of a turn.
func sextant(r, g, b, top, span float64) float64 {
	switch {
	case span == 0:
		return 0
	case top == r:
		return (g - b) / span
	case top == g:
		return 2 + (b-r)/span
	}
	return 4 + (r-g)/span
}

// turn is the colour of hue h, in sixths of a turn, between a smallest and a largest channel.
func turn(h, low, top float64) [3]float64 {
	var rgb [3]float64
	for c, peak := range [3]float64{0, 2, 4} { // where the channel is largest
		away := math.Abs(math.Mod(math.Mod(h-peak, 6)+9, 6) - 3) // in [0, 3]
		rgb[c] = low + float64((top-low)*min(1, max(0, 2-away)))
	}
	return rgb
}

// sobel is the horizontal derivative, [-1 0 1; -2 0 2; -1 0 1] of the image reflected at its
// edges (which are not repeated), over 4 and plus 1/2.
func (q picture) sobel(dst, src []float32) {
	area := q.h * q.w
	for lo := 0; lo < len(src); lo += area {
		for y := range q.h {
			for x := range q.w {
				var sum float64
				for dy, weight := range [3]float64{1, 2, 1} {
					row := lo + mirrored(y+dy-1, q.h)*q.w
					sum += weight * (float64(src[row+mirrored(x+1, q.w)]) - float64(src[row+mirrored(x-1, q.w)]))
				}
				dst[lo+y*q.w+x] = float32(sum/4 + 0.5)
			}
		}
	}
}

func mirrored(i, n int) int {
	if i < 0 {
		return -i
	}
	if i >= n {
		return 2*(n-1) - i
	}
	return i
}

// erase sets a rectangle to 0.
func (q picture) erase(dst, src []float32, b box) {
	copy(dst, src)
	area := q.h * q.w
	for lo := 0; lo < len(dst); lo += area {
		for y := b.y; y < b.y+b.h; y++ {
			clear(dst[lo+y*q.w+b.x : lo+y*q.w+b.x+b.w])
		}
	}
}

type box struct{ y, x, h, w int }

// crop keeps the central fraction of each side, with whole pixels cut off, and enlarges it to the old
// size: by the same factor both ways, so that a strip of 0 may remain (central_crop, then resize_with_pad,
// bilinear with half-pixel centres). Where no whole pixel is to be cut the image stays as it is: below
// 20 pixels at a fraction of 0.9.
func (q picture) crop(dst, src []float32, fraction float64) {
	top := int((float64(q.h) - float64(float64(q.h)*fraction)) / 2)
	left := int((float64(q.w) - float64(float64(q.w)*fraction)) / 2)
	h, w := q.h-2*top, q.w-2*left
	// The larger of h/H and w/W becomes 1; the other side is rounded down.
	height, width := q.h, q.w
	if h*q.w > w*q.h {
		width = w * q.h / h
	} else {
		height = h * q.w / w
	}
	clear(dst)
	up, in := (q.h-height)/2, (q.w-width)/2
	area := q.h * q.w
	for lo := 0; lo < len(src); lo += area {
		for y := range height {
			sy := (float64(y)+0.5)*float64(h)/float64(height) - 0.5
			for x := range width {
				sx := (float64(x)+0.5)*float64(w)/float64(width) - 0.5
				dst[lo+(up+y)*q.w+in+x] = float32(q.sample(src[lo:], top, left, h, w, sy, sx))
			}
		}
	}
}

// zoom enlarges the central part of that scale to the old size; the outermost pixels' centres lie on the
// part's edges (crop_and_resize).
func (q picture) zoom(dst, src []float32, scale float64) {
	area := q.h * q.w
	for lo := 0; lo < len(src); lo += area {
		for y := range q.h {
			sy := (0.5-0.5*scale)*float64(q.h-1) + float64(scale*float64(y))
			for x := range q.w {
				sx := (0.5-0.5*scale)*float64(q.w-1) + float64(scale*float64(x))
				dst[lo+y*q.w+x] = float32(q.sample(src[lo:], 0, 0, q.h, q.w, sy, sx))
			}
		}
	}
}

// sample interpolates one channel bilinearly at (y, x) of its part [h, w] at (top, left); beyond the part
// its outermost pixels go on.
func (q picture) sample(src []float32, top, left, h, w int, y, x float64) float64 {
	y0, x0 := math.Floor(y), math.Floor(x)
	ty, tx := y-y0, x-x0
	at := func(y, x int) float64 {
		y, x = min(max(y, 0), h-1), min(max(x, 0), w-1)
		return float64(src[(top+y)*q.w+left+x])
	}
	above := at(int(y0), int(x0)) + float64(tx*(at(int(y0), int(x0)+1)-at(int(y0), int(x0))))
	below := at(int(y0)+1, int(x0)) + float64(tx*(at(int(y0)+1, int(x0)+1)-at(int(y0)+1, int(x0))))
	return above + float64(ty*(below-above))
}
