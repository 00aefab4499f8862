// What `azd up` deploys: one A100 at most, public endpoints, sizes from the azd environment.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param operatorId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param operatorType = readEnvironmentVariable('AZURE_PRINCIPAL_TYPE', 'User')
param workerImage = readEnvironmentVariable('LLADA_WORKER_IMAGE', 'mcr.microsoft.com/k8se/quickstart:latest')
param sealingKey = readEnvironmentVariable('LLADA_SEALING_KEY')
param alertEmail = readEnvironmentVariable('LLADA_ALERT_EMAIL', '')
