// Package bridge runs one connector: the reconciler of mdm.Core, a backend, what is kept on disk, and the site's MQTT.
package bridge

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"subrosa/mdm"
)

// Store keeps holders, devices and former policies of one connector in one file; every change is on disk when its call returns.
type Store struct{ db *bolt.DB }

var (
	bucketMeta    = []byte("meta")
	bucketDevices = []byte("devices")
	bucketRooms   = []byte("rooms")
	bucketFormer  = []byte("former") // of backends: the policy a device had before
	keyFormat     = []byte("format")
)

// format of the file; a newer program migrates, an older one refuses.
const format = 1

// ErrBusy says that another program has the store open.
var ErrBusy = errors.New("bridge: another program has the store open")

// OpenStore opens or makes the store in the folder.
func OpenStore(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	path := filepath.Join(dir, "bridge.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: 500 * time.Millisecond})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, ErrBusy
	}
	if err != nil {
		return nil, fmt.Errorf("bridge: %s: %w", path, err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, b := range [][]byte{bucketMeta, bucketDevices, bucketRooms, bucketFormer} {
			if _, err := tx.CreateBucketIfNotExists(b); err != nil {
				return err
			}
		}
		m := tx.Bucket(bucketMeta)
		if v := m.Get(keyFormat); v != nil && (len(v) != 8 || binary.BigEndian.Uint64(v) != format) {
			return fmt.Errorf("format %x, this program knows %d", v, format)
		}
		return m.Put(keyFormat, binary.BigEndian.AppendUint64(nil, format))
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bridge: %s: %w", path, err), db.Close())
	}
	return &Store{db}, nil
}

// Close ends it.
func (s *Store) Close() error { return s.db.Close() }

// Save puts what has changed on disk, in one step.
func (s *Store) Save(devices []mdm.Record, rooms []mdm.Holding) error {
	if len(devices)+len(rooms) == 0 {
		return nil
	}
	err := s.db.Update(func(tx *bolt.Tx) error {
		for _, r := range devices {
			if err := put(tx, bucketDevices, r.ID, r); err != nil {
				return err
			}
		}
		for _, h := range rooms {
			if err := put(tx, bucketRooms, h.Room, h); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	return nil
}

func put(tx *bolt.Tx, bucket []byte, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Bucket(bucket).Put([]byte(key), b)
}

// Load returns everything kept for the Core.
func (s *Store) Load() (devices []mdm.Record, rooms []mdm.Holding, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		if err := tx.Bucket(bucketDevices).ForEach(func(_, v []byte) error {
			var r mdm.Record
			err := json.Unmarshal(v, &r)
			devices = append(devices, r)
			return err
		}); err != nil {
			return err
		}
		return tx.Bucket(bucketRooms).ForEach(func(_, v []byte) error {
			var h mdm.Holding
			err := json.Unmarshal(v, &h)
			rooms = append(rooms, h)
			return err
		})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("bridge: what was kept cannot be read: %w", err)
	}
	return devices, rooms, nil
}

// Keep is mdm.Keeper.
func (s *Store) Keep(device, value string) error {
	return s.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketFormer).Put([]byte(device), []byte(value)) })
}

// Kept is mdm.Keeper.
func (s *Store) Kept(device string) (value string, ok bool, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		v := tx.Bucket(bucketFormer).Get([]byte(device))
		value, ok = string(v), v != nil
		return nil
	})
	return value, ok, err
}

// Drop is mdm.Keeper.
func (s *Store) Drop(device string) error {
	return s.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketFormer).Delete([]byte(device)) })
}
