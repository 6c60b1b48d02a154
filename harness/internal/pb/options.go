package pb

import "google.golang.org/grpc"

// window is how many bytes gRPC sends before the other side has taken them, on a stream and on a connection: four chunks of
// an array. A fixed one keeps gRPC from measuring the line, for which it sent a ping with every answer, and both sides woke for it.
const window = 4 << 20

// workers are goroutines that take a server's calls one after another and keep the stack that they have grown: two for go-plugin's
// streams, which last for life, and one for the others. Where all are busy, a call gets one of its own, as by default.
const workers = 3

// ServerOptions are those of all servers of the wire.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage), grpc.StaticStreamWindowSize(window), grpc.StaticConnWindowSize(window), grpc.NumStreamWorkers(workers),
	}
}

// DialOptions are those of all clients of the wire.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithStaticStreamWindowSize(window), grpc.WithStaticConnWindowSize(window)}
}
