// A virtual network in which storage and vault are reached through private endpoints alone.

param location string
param tags object
param nameSuffix string
param storageId string
param vaultId string
@description('A range of at least /23')
param addressPrefix string

var targets = [
  { name: 'blob', resourceId: storageId, zone: 'privatelink.blob.${environment().suffixes.storage}' }
  { name: 'queue', resourceId: storageId, zone: 'privatelink.queue.${environment().suffixes.storage}' }
  { name: 'table', resourceId: storageId, zone: 'privatelink.table.${environment().suffixes.storage}' }
  { name: 'vault', resourceId: vaultId, zone: 'privatelink.vaultcore.azure.net' }
]

resource network 'Microsoft.Network/virtualNetworks@2024-07-01' = {
  name: 'vnet-${nameSuffix}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressPrefix]
    }
    subnets: [
      {
        name: 'functions'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 0)
          delegations: [
            {
              name: 'flex-consumption'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'workers'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 1)
          delegations: [
            {
              name: 'container-apps'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 2)
        }
      }
    ]
  }

  resource functionsSubnet 'subnets' existing = {
    name: 'functions'
  }

  resource workersSubnet 'subnets' existing = {
    name: 'workers'
  }

  resource endpointsSubnet 'subnets' existing = {
    name: 'endpoints'
  }
}

module endpoints 'endpoint.bicep' = [
  for target in targets: {
    params: {
      location: location
      tags: tags
      name: '${target.name}-${nameSuffix}'
      groupId: target.name
      resourceId: target.resourceId
      zoneName: target.zone
      networkId: network.id
      subnetId: network::endpointsSubnet.id
    }
  }
]

output functionsSubnetId string = network::functionsSubnet.id
output workersSubnetId string = network::workersSubnet.id
