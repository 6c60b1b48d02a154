package measure

import (
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"

	"github.com/genbench/genbench/harness/internal/pb"
)

// exitHostGone is the status of a plugin whose host ended without saying so.
const exitHostGone = 3

// watchHost ends the process soon after its parent, or the host if that is
// another process. go-plugin has no such watch: its plugins outlive a killed
// host. It is the second of two: endWithHost is faster, but waits for the host
// to connect.
func watchHost() {
	parent := os.Getppid()
	host, _ := strconv.Atoi(os.Getenv(pb.HostPIDVariable))
	for {
		if os.Getppid() != parent || (host > 1 && gone(host)) {
			os.Exit(exitHostGone)
		}
		time.Sleep(250 * time.Millisecond)
	}
}

// endWithHost ends the process when the broker's stream does: the host holds it
// open for life. The delay leaves an orderly shutdown, which ends the stream too,
// the time to finish.
func endWithHost(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	err := next(srv, stream)
	if info.FullMethod == "/plugin.GRPCBroker/StartStream" {
		time.AfterFunc(200*time.Millisecond, func() { os.Exit(exitHostGone) })
	}
	return err
}
