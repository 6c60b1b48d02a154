// Package pb is the wire between genbench and its plugins: plugin.proto and the
// code generated from it. It holds no behaviour.
//
// To generate again: protoc 3.21 or later, protoc-gen-go v1.36.12 and
// protoc-gen-go-grpc v1.6.0 on the PATH, then go generate. Python's code is to be
// made with protoc 3.21: what a newer one writes refuses an older protobuf package.
package pb

//go:generate protoc -I ../../.. --go_out=../../.. --go_opt=paths=source_relative --go-grpc_out=../../.. --go-grpc_opt=paths=source_relative harness/internal/pb/plugin.proto
//go:generate protoc -I genbench=. --python_out=pyi_out:../../../python genbench/plugin.proto
