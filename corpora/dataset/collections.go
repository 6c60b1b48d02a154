package dataset

import (
	"fmt"
	"io"
)

// fileNames are the names that MNIST's files have, in the order of [Checksum].
var fileNames = [4]string{
	"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
}

// idxBundle is MNIST's four files with the SHA-256 of their content, as many copies name them: some write a dot before idx.
func idxBundle(sums [4]string) bundle {
	var b bundle
	for i, name := range fileNames {
		at := len(name) - len("-idx3-ubyte")
		b.parts = append(b.parts, part{
			name: name, others: []string{name[:at] + "." + name[at+1:]}, sum: sums[i],
			bytes: [4]int64{47040016, 60008, 7840016, 10008}[i],
		})
	}
	return b
}

const (
	fashionSource = "https://github.com/zalandoresearch/fashion-mnist"
	debianFashion = "/usr/share/datasets/fashion-mnist"
	debianDigits  = "/usr/lib/python3/dist-packages/sklearn/datasets/data"
)

// collections lists the sets that are read from files. Publishers' sums of archives and .gz files are as torchvision and
// TensorFlow Datasets state them; those below are of contents, where such are known.
func collections() []collection {
	return []collection{fashionMNIST(), mnist(), cifar10(), cifar100(), svhn(), imageNet32(), digits()}
}

// FashionMNIST's sums were computed from Debian's package dataset-fashion-mnist 0.0~git20200523.55506a9 and
// agree with those that several public programs state for upstream's files.
func fashionMNIST() collection {
	return collection{
		info: Info{
			Name: "fashion-mnist", Title: "FashionMNIST", Licence: "MIT, Copyright 2017 Zalando SE", Source: fashionSource,
			Shape: Shape{1, 28, 28}, Classes: 10, Train: 60000, Test: 10000,
		},
		aliases: []string{"fashionmnist", "fmnist"},
		folders: []string{"fashion-mnist", "FashionMNIST/raw", "FashionMNIST", "."},
		system:  debianFashion,
		remedy: "on Debian or Ubuntu `apt-get install dataset-fashion-mnist`, else put the four files of " + fashionSource +
			" (data/fashion) into DIR/fashion-mnist, and give DIR by --data",
		bundles: []bundle{idxBundle([4]string{
			"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
			"bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
			"5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
			"0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
		})},
		decode: decodeIDX,
	}
}

// MNIST's sums are stated alike by many public programs that unpack the official
// files (whose .gz have sha256 440fcabf..., 3552534a..., 8d422c7b... and f7ae60f9...).
func mnist() collection {
	return collection{
		info: Info{
			Name: "mnist", Title: "MNIST handwritten digits", Licence: "CC BY-SA 3.0 as commonly stated; not part of genbench",
			Source: "http://yann.lecun.com/exdb/mnist/", Shape: Shape{1, 28, 28}, Classes: 10, Train: 60000, Test: 10000,
		},
		folders: []string{"mnist", "MNIST/raw", "MNIST", "."},
		remedy: "put train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz " +
			"into DIR/mnist (torchvision.datasets.MNIST(DIR, download=True) puts them into DIR/MNIST/raw, which will do), and give DIR by --data",
		bundles: []bundle{idxBundle([4]string{
			"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
			"65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
			"0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
			"ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
		})},
		decode: decodeIDX,
	}
}

const cifarSource = "https://www.cs.toronto.edu/~kriz/cifar.html"

// Nobody states sums of the unpacked files, so they are held against their sizes and class counts; the archive has one.
func cifar10() collection {
	const batch = 10000 * (1 + cifarSize)
	return collection{
		info: Info{
			Name: "cifar-10", Title: "CIFAR-10", Licence: "none stated; cite Krizhevsky 2009; not part of genbench", Source: cifarSource,
			Shape: Shape{3, 32, 32}, Classes: 10, Train: 50000, Test: 10000,
		},
		aliases: []string{"cifar10"},
		folders: []string{"cifar-10-batches-bin", "cifar-10", "cifar10", "cifar-10/cifar-10-batches-bin", "cifar10/cifar-10-batches-bin", "."},
		remedy: "get the binary version, cifar-10-binary.tar.gz (170,052,171 bytes), from " + cifarSource +
			", put it into DIR, unpacked or as it is, and give DIR by --data",
		bundles: []bundle{{
			parts: []part{
				{name: "data_batch_1.bin", bytes: batch}, {name: "data_batch_2.bin", bytes: batch}, {name: "data_batch_3.bin", bytes: batch},
				{name: "data_batch_4.bin", bytes: batch}, {name: "data_batch_5.bin", bytes: batch}, {name: "test_batch.bin", bytes: batch},
			},
			archive: "cifar-10-binary.tar.gz",
			sum:     "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
		}},
		others: pickled("cifar-10-python.tar.gz", "cifar-10-batches-py"),
		decode: decodeCIFAR10,
	}
}

func cifar100() collection {
	return collection{
		info: Info{
			Name: "cifar-100", Title: "CIFAR-100, fine labels", Licence: "none stated; cite Krizhevsky 2009; not part of genbench", Source: cifarSource,
			Shape: Shape{3, 32, 32}, Classes: 100, Train: 50000, Test: 10000,
		},
		aliases: []string{"cifar100"},
		folders: []string{"cifar-100-binary", "cifar-100", "cifar100", "cifar-100/cifar-100-binary", "cifar100/cifar-100-binary", "."},
		remedy: "get the binary version, cifar-100-binary.tar.gz (168,513,733 bytes), from " + cifarSource +
			", put it into DIR, unpacked or as it is, and give DIR by --data",
		bundles: []bundle{{
			parts: []part{
				{name: "train.bin", bytes: 50000 * (2 + cifarSize), md5: "6172c7755cfe09b2fe270c85cebc1b15"},
				{name: "test.bin", bytes: 10000 * (2 + cifarSize), md5: "4499cfba6c016c1be1438163640a0898"},
			},
			archive: "cifar-100-binary.tar.gz",
		}},
		others: pickled("cifar-100-python.tar.gz", "cifar-100-python"),
		decode: decodeCIFAR100,
	}
}

// pickled are names of Python's version of a set.
func pickled(names ...string) map[string]string {
	m := map[string]string{}
	for _, n := range names {
		m[n] = "the Python version (pickle)"
	}
	return m
}

func svhn() collection {
	const source = "http://ufldl.stanford.edu/housenumbers/"
	return collection{
		info: Info{
			Name: "svhn", Title: "SVHN, cropped digits, without the extra part", Licence: "non-commercial use only; cite Netzer et al. 2011; not part of genbench", Source: source,
			Shape: Shape{3, 32, 32}, Classes: 10, Train: 73257, Test: 26032,
		},
		folders: []string{"svhn", "SVHN", "."},
		remedy:  "put train_32x32.mat (182,040,794 bytes) and test_32x32.mat (64,275,384 bytes) of " + source + " into DIR/svhn, and give DIR by --data",
		bundles: []bundle{{parts: []part{
			{name: "train_32x32.mat", bytes: 182040794, sum: "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"},
			{name: "test_32x32.mat", bytes: 64275384, sum: "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"},
		}}},
		decode: decodeSVHN,
	}
}

func imageNet32() collection {
	sums := []string{
		"464fde20de6eb44c28cc1a8c11544bb1", "bdb56e71882c3fd91619d789d5dd7c79", "83ff36d76ea26867491a281ea6e1d03b", "98ff184fe109d5c2a0f6da63843880c7",
		"62b8803e13c3e6de9498da7aaaae57c8", "e0b06665f890b029f1d8d0a0db26e119", "9731f469aac1622477813c132c5a847a", "60aed934b9d26b7ee83a1a83bdcfbe0f",
		"b96328e6affd718660c2561a6fe8c14c", "1dc618d544c554220dd118f72975470c",
	}
	training := bundle{archive: "Imagenet32_train_npz.zip", folders: []string{"Imagenet32_train_npz", "Imagenet32_train", "train"}}
	for i, sum := range sums {
		training.parts = append(training.parts, part{name: fmt.Sprintf("train_data_batch_%d.npz", i+1), md5: sum})
	}
	return collection{
		info: Info{
			Name: "imagenet-32", Title: "ImageNet downsampled to 32 x 32", Licence: "non-commercial research only, after registration; cite Chrabaszcz et al. 2017; not part of genbench",
			Source: "https://image-net.org/download-images.php", Shape: Shape{3, 32, 32}, Classes: 1000, Train: 1281167, Test: 50000,
		},
		aliases: []string{"imagenet32"},
		folders: []string{"imagenet-32", "imagenet32", "Imagenet32", "ImageNet32", "."},
		remedy: "register at https://image-net.org, get Imagenet32_train_npz.zip (3,580,435,279 bytes) and Imagenet32_val_npz.zip (139,697,668 bytes), " +
			"put them into DIR/imagenet-32, unpacked (faster) or as they are, and give DIR by --data",
		bundles: []bundle{training, {
			parts:   []part{{name: "val_data.npz", md5: "a8c04a389f2649841fb7a01720da9dd9"}},
			archive: "Imagenet32_val_npz.zip", folders: []string{"Imagenet32_val_npz", "Imagenet32_val", "val"},
		}},
		others: pickled("train_data_batch_1", "Imagenet32_train.zip", "val_data", "Imagenet32_val.zip"),
		decode: decodeImageNet,
	}
}

func digits() collection {
	return collection{
		info: Info{
			Name: "digits", Title: "8 x 8 handwritten digits (UCI optdigits, test part), in file order", Licence: "cite Alpaydin and Kaynak 1998; not part of genbench",
			Source: "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
			Shape:  Shape{1, 8, 8}, Classes: 10, Train: 1000, Test: 797,
		},
		folders: []string{"digits", "."},
		system:  debianDigits,
		remedy: "on Debian or Ubuntu `apt-get install --no-install-recommends python3-sklearn`, else copy sklearn/datasets/data/digits.csv.gz " +
			"of any scikit-learn into DIR/digits, and give DIR by --data",
		bundles: []bundle{{parts: []part{{name: "digits.csv", bytes: 264712, sum: "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"}}}},
		decode:  decodeDigits,
	}
}

// decodeIDX reads four files in the order of fileNames.
func decodeIDX(info Info, files []*input) (train, test *Images, err error) {
	var arrays [4]*IDX
	for i, in := range files {
		err := in.read(func(r io.Reader) (err error) {
			arrays[i], err = ReadIDX(r)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return splits(info, arrays)
}

// assemble makes a set of the four arrays and holds it against info.
func assemble(info Info, files [4]*IDX) (*Set, error) {
	train, test, err := splits(info, files)
	if err != nil {
		return nil, err
	}
	return NewSet(info.Name, train, test, info.Licence)
}

func splits(info Info, files [4]*IDX) (train, test *Images, err error) {
	if train, err = images(info, files[0], files[1], info.Train); err != nil {
		return nil, nil, fmt.Errorf("training split: %w", err)
	}
	if test, err = images(info, files[2], files[3], info.Test); err != nil {
		return nil, nil, fmt.Errorf("test split: %w", err)
	}
	return train, test, nil
}

func images(info Info, x, y *IDX, n int) (*Images, error) {
	switch {
	case len(x.Dims) != 3 || x.Dims[1] != info.Shape.H || x.Dims[2] != info.Shape.W:
		return nil, fmt.Errorf("the images have sizes %v, expected [N, %d, %d]", x.Dims, info.Shape.H, info.Shape.W)
	case len(y.Dims) != 1:
		return nil, fmt.Errorf("the labels have sizes %v, expected [N]", y.Dims)
	case x.Dims[0] != y.Dims[0]:
		return nil, fmt.Errorf("%d images but %d labels", x.Dims[0], y.Dims[0])
	case x.Dims[0] != n:
		return nil, fmt.Errorf("%d images, expected %d", x.Dims[0], n)
	}
	im := &Images{Shape: info.Shape, Classes: info.Classes, Pixels: x.Data, Labels: make([]int32, n)}
	for i, v := range y.Data {
		im.Labels[i] = int32(v)
	}
	return im, nil
}
