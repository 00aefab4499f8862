// Two identities, so that neither the API nor a worker can do what only the other one needs.

param location string
param tags object
param nameSuffix string

resource functions 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-functions-${nameSuffix}'
  location: location
  tags: tags
}

resource workers 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-workers-${nameSuffix}'
  location: location
  tags: tags
}

type identity = {
  id: string
  clientId: string
  principalId: string
}

output functions identity = {
  id: functions.id
  clientId: functions.properties.clientId
  principalId: functions.properties.principalId
}

output workers identity = {
  id: workers.id
  clientId: workers.properties.clientId
  principalId: workers.properties.principalId
}
