package pb

import "github.com/hashicorp/go-plugin"

// Minor is the minor version of genbench.plugin.v1 that this code speaks. A plugin of version 1 reads ComputeRequest.given.
const Minor = 1

// ProtocolVersion is the handshake's number for genbench.plugin.v1.
const ProtocolVersion = 1

// PluginName is the key under which go-plugin dispenses the service.
const PluginName = "measure"

// MaxMessage bounds a gRPC message in bytes. go-plugin raises only its client's
// limit; every server has to raise its own.
const MaxMessage = 64 << 20

// HostPIDVariable is the environment variable that tells a plugin its host's
// process, so that it can end when the host does.
const HostPIDVariable = "GENBENCH_HOST_PID"

// DebugVariable is the environment variable that has a plugin wait for genbench, under a
// debugger; ReattachVariable tells genbench where.
const (
	DebugVariable    = "GENBENCH_DEBUG"
	ReattachVariable = "GENBENCH_REATTACH"
)

// Handshake is how a plugin and its host recognise each other. It protects
// against mistakes, not against malice.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{ProtocolVersion: ProtocolVersion, MagicCookieKey: "GENBENCH_PLUGIN", MagicCookieValue: "measure"}
}
