// A larger service: private endpoints, redundant storage, cheap and fast hardware side by side, ten workers of each.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param operatorId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param operatorType = readEnvironmentVariable('AZURE_PRINCIPAL_TYPE', 'User')
param workerImage = readEnvironmentVariable('LLADA_WORKER_IMAGE', 'mcr.microsoft.com/k8se/quickstart:latest')
param sealingKey = readEnvironmentVariable('LLADA_SEALING_KEY')
param alertEmail = readEnvironmentVariable('LLADA_ALERT_EMAIL', '')
param isPrivate = true
param keepsDeletedVault = true
param storageSku = 'Standard_ZRS'
param registrySku = 'Premium'
param instanceMemory = 4096
param maxInstances = 100
param gracePeriod = 600
param logDays = 90
param logsEveryAccess = true
param profiles = [
  { name: 'default', hardware: 'Consumption-GPU-NC24-A100', minReplicas: 0, maxReplicas: 10, maxTrainings: 4 }
  { name: 't4', hardware: 'Consumption-GPU-NC8as-T4', minReplicas: 0, maxReplicas: 10, maxTrainings: 2, weights: 'Int8' }
]
