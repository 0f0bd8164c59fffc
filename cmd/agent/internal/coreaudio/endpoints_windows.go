package coreaudio

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Interfaces of Core Audio, by mmdeviceapi.h and endpointvolume.h of the Windows SDK: identifiers, and the place of each method in its table.
var (
	clsidEnumerator = windows.GUID{Data1: 0xBCDE0395, Data2: 0xE52F, Data3: 0x467C, Data4: [8]byte{0x8E, 0x3D, 0xC4, 0x57, 0x92, 0x91, 0x69, 0x2E}}
	iidEnumerator   = windows.GUID{Data1: 0xA95664D2, Data2: 0x9614, Data3: 0x4F35, Data4: [8]byte{0xA7, 0x46, 0xDE, 0x8D, 0xB6, 0x36, 0x17, 0xE6}}
	iidVolume       = windows.GUID{Data1: 0x5CDF2C82, Data2: 0x841E, Data3: 0x4546, Data4: [8]byte{0x97, 0x22, 0x0C, 0xF7, 0x40, 0x78, 0x22, 0x9A}}

	ole32          = windows.NewLazySystemDLL("ole32.dll")
	createInstance = ole32.NewProc("CoCreateInstance")
)

const (
	release = 2 // IUnknown

	enumEndpoints = 3 // IMMDeviceEnumerator
	getDevice     = 5

	count = 3 // IMMDeviceCollection
	at    = 4

	activate = 3 // IMMDevice
	getID    = 5

	setMute = 14 // IAudioEndpointVolume
	getMute = 15

	capture = 1 // eCapture
	active  = 1 // DEVICE_STATE_ACTIVE

	anywhere = 0x17 // CLSCTX_ALL
)

// object is a COM object: a pointer to a pointer to its table of methods.
type object struct{ table *[32]uintptr }

func (o *object) call(method int, args ...uintptr) error {
	r, _, _ := syscall.SyscallN(o.table[method], append([]uintptr{uintptr(unsafe.Pointer(o))}, args...)...)
	if int32(r) < 0 {
		return fmt.Errorf("coreaudio: HRESULT %#08x", uint32(r))
	}
	return nil
}

func (o *object) release() { syscall.SyscallN(o.table[release], uintptr(unsafe.Pointer(o))) }

// Machine are this machine's microphones.
type Machine struct{}

// with runs f with the list of devices, on one thread that has COM.
func with(f func(devices *object) error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := windows.CoInitializeEx(0, windows.COINIT_MULTITHREADED); err == nil {
		defer windows.CoUninitialize()
	}
	var e *object
	r, _, _ := createInstance.Call(uintptr(unsafe.Pointer(&clsidEnumerator)), 0, anywhere, uintptr(unsafe.Pointer(&iidEnumerator)), uintptr(unsafe.Pointer(&e)))
	if int32(r) < 0 {
		return fmt.Errorf("coreaudio: no list of devices: HRESULT %#08x", uint32(r))
	}
	defer e.release()
	return f(e)
}

func volume(device *object) (*object, error) {
	var v *object
	err := device.call(activate, uintptr(unsafe.Pointer(&iidVolume)), anywhere, 0, uintptr(unsafe.Pointer(&v)))
	return v, err
}

// List returns the active capture endpoints.
func (Machine) List() (out []Endpoint, err error) {
	err = with(func(devices *object) error {
		var list *object
		if err := devices.call(enumEndpoints, capture, active, uintptr(unsafe.Pointer(&list))); err != nil {
			return err
		}
		defer list.release()
		var n uint32
		if err := list.call(count, uintptr(unsafe.Pointer(&n))); err != nil {
			return err
		}
		for i := range n {
			e, err := one(list, i)
			if err != nil {
				return err
			}
			out = append(out, e)
		}
		return nil
	})
	return out, err
}

func one(list *object, i uint32) (e Endpoint, err error) {
	var d *object
	if err := list.call(at, uintptr(i), uintptr(unsafe.Pointer(&d))); err != nil {
		return e, err
	}
	defer d.release()
	var id *uint16
	if err := d.call(getID, uintptr(unsafe.Pointer(&id))); err != nil {
		return e, err
	}
	defer windows.CoTaskMemFree(unsafe.Pointer(id))
	v, err := volume(d)
	if err != nil {
		return e, err
	}
	defer v.release()
	var on int32
	err = v.call(getMute, uintptr(unsafe.Pointer(&on)))
	return Endpoint{ID: windows.UTF16PtrToString(id), Muted: on != 0}, err
}

// Mute mutes one endpoint or opens it.
func (Machine) Mute(id string, on bool) error {
	name, err := windows.UTF16PtrFromString(id)
	if err != nil {
		return err
	}
	return with(func(devices *object) error {
		var d *object
		if err := devices.call(getDevice, uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&d))); err != nil {
			return err
		}
		defer d.release()
		v, err := volume(d)
		if err != nil {
			return err
		}
		defer v.release()
		var mute uintptr
		if on {
			mute = 1
		}
		return v.call(setMute, mute, 0)
	})
}
