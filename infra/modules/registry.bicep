// Images of the worker.

param location string
param tags object
@minLength(5)
param registryName string
param skuName string

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' = {
  name: registryName
  location: location
  tags: tags
  sku: {
    name: skuName
  }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
  }
}

output id string = registry.id
output loginServer string = registry.properties.loginServer
