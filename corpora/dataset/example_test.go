package dataset_test

import (
	"fmt"

	"github.com/genbench/genbench/corpora/dataset"
)

func Example() {
	set, err := dataset.Open("fmnist-mini", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := dataset.Build(set, dataset.Transform{Pool: 2, Train: 1000, LabelShuffle: 0.5, InputNoise: 0.3})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("inputs", data.Shape, "from images", data.NativeShape)
	fmt.Println(data.Train.Len(), "training examples,", data.Test.Len(), "test examples")
	fmt.Printf("%.3f of the training labels changed\n", data.ChangedFraction)
	// Output:
	// inputs [1, 14, 14] from images [1, 28, 28]
	// 1000 training examples, 2000 test examples
	// 0.451 of the training labels changed
}
