// Package topic names every MQTT topic of a site and who may write it. One table, used by units, console,
// broker ACL, docs/asyncapi.yaml and the tests.
package topic

// Root of all topics.
const Root = "subrosa/v1"
