using LLaDA.Batch.AzureHost.Tests.Driver;

[assembly: AssemblyFixture(typeof(StorageFixture))]
[assembly: AssemblyFixture(typeof(PublishedApp))]
