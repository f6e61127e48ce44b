# SPDX-License-Identifier: Apache-2.0
"""ova: appliances as VirtualBox and VMware write them, made here from a qcow2."""

import hashlib
import struct
import subprocess

OVF = """<?xml version="1.0"?>
<Envelope ovf:version="1.0" xml:lang="en-US" xmlns="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:vmw="http://www.vmware.com/schema/ovf"
 xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
  <References><File ovf:id="file1" ovf:href="{href}" ovf:size="{size}"{file_more}/></References>
  <DiskSection><Info>Disks</Info>
    <Disk ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:capacity="{capacity}"{disk_more}
     ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <VirtualSystem ovf:id="appliance"><Info>A machine</Info><Name>{name}</Name>
    <VirtualHardwareSection><Info>Hardware</Info>
      <Item><rasd:ElementName>2 processors</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:InstanceID>2</rasd:InstanceID>
        <rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>256</rasd:VirtualQuantity></Item>
      <Item><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>lsilogic</rasd:ResourceSubType>
        <rasd:ResourceType>6</rasd:ResourceType></Item>
      <Item><rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:InstanceID>5</rasd:InstanceID><rasd:ResourceSubType>E1000</rasd:ResourceSubType>
        <rasd:ResourceType>10</rasd:ResourceType></Item>
      {items}
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
"""


def ovf(disk, capacity, **changes):
    """A descriptor for a disk of so many bytes as a file and to a guest."""
    said = {'href': 'appliance-disk1.vmdk', 'size': len(disk), 'capacity': capacity, 'name': 'Old office',
            'file_more': '', 'disk_more': '', 'items': '', **changes}
    return OVF.format(**said).encode()


def digests(files, kind='SHA256'):
    """The .mf of (name, bytes) in order."""
    return ''.join(f'{kind}({name})= {hashlib.new(kind.lower(), data).hexdigest()}\n' for name, data in files).encode()


def vmdk(qcow2, path, subformat='streamOptimized'):
    """Converts a disk; the bytes."""
    subprocess.run(['qemu-img', 'convert', '-f', 'qcow2', '-O', 'vmdk', '-o', f'subformat={subformat}', qcow2, path],
                   check=True)
    with open(path, 'rb') as file:
        return file.read()


def with_footer(disk):
    """A VMDK as VMware streams it: the header does not know yet where the tables are, the footer at the end does."""
    marker = struct.pack('<QII', 1, 0, 3).ljust(512, b'\0')
    disk += bytes(-len(disk) % 512)
    return disk[:56] + b'\xff' * 8 + disk[64:] + marker + disk[:512] + bytes(512)
