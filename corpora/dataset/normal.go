package dataset

import "math"

// The normal quantile function by Wichura's algorithm AS 241, PPND16 (Applied
// Statistics 37(3), 1988, 477-484; relative accuracy about 1e-16): z = q·A(r)/B(r)
// near the middle, C/D and E/F in the tails.
//
// Its bits are the same on every machine. It uses only +, -, *, / and square
// root, which IEEE 754 rounds in one way; every product that is added to
// something is wrapped in float64(), which forbids the compiler to fuse the two (arm64 and
// GOAMD64=v3 would); and the logarithm is written out below, since math.Log is
// assembler on some architectures and differs in the last bit.
var (
	quantileA = [8]float64{
		3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3, 1.3731693765509461125e+4,
		4.5921953931549871457e+4, 6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3,
	}
	quantileB = [8]float64{
		1, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
		2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4, 5.2264952788528545610e+3,
	}
	quantileC = [8]float64{
		1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
		1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4,
	}
	quantileD = [8]float64{
		1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
		1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9,
	}
	quantileE = [8]float64{
		6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
		2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
	}
	quantileF = [8]float64{
		1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
		7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15,
	}
)

// normal is the standard normal quantile of u in (0, 1).
func normal(u float64) float64 {
	q := u - 0.5
	if math.Abs(q) <= 0.425 {
		r := 0.180625 - float64(q*q)
		return q * ratio(&quantileA, &quantileB, r)
	}
	r := math.Sqrt(-logBelowOne(min(u, 1-u)))
	var z float64
	if r <= 5 {
		z = ratio(&quantileC, &quantileD, r-1.6)
	} else {
		z = ratio(&quantileE, &quantileF, r-5)
	}
	return math.Copysign(z, q)
}

// ratio is the quotient of two polynomials with coefficients in rising order,
// evaluated by Horner's rule; written out, it takes half the time of a loop.
func ratio(num, den *[8]float64, r float64) float64 {
	n := float64(num[7]*r) + num[6]
	d := float64(den[7]*r) + den[6]
	n, d = float64(n*r)+num[5], float64(d*r)+den[5]
	n, d = float64(n*r)+num[4], float64(d*r)+den[4]
	n, d = float64(n*r)+num[3], float64(d*r)+den[3]
	n, d = float64(n*r)+num[2], float64(d*r)+den[2]
	n, d = float64(n*r)+num[1], float64(d*r)+den[1]
	n, d = float64(n*r)+num[0], float64(d*r)+den[0]
	return n / d
}

// logBelowOne is the natural logarithm of x in (0, 1): with x = m·2^e, m in [1/√2, √2) and
// s = (m-1)/(m+1), ln x = e·ln 2 + 2·(s + s³/3 + s⁵/5 + ...). |s| < 0.1716, so the
// term after s^21/21 is below 1e-18.
func logBelowOne(x float64) float64 {
	m, e := math.Frexp(x) // m in [1/2, 1)
	if m < math.Sqrt2/2 {
		m *= 2
		e--
	}
	s := (m - 1) / (m + 1)
	s2 := float64(s * s)
	sum := 0.0
	for k := 21; k >= 3; k -= 2 {
		sum = float64((sum + 1/float64(k)) * s2)
	}
	return float64(float64(e)*math.Ln2) + float64(2*s*(1+sum))
}
