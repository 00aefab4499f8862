using Xunit.Sdk;
using Xunit.v3;
using LLaDA.Batch.AzureHost.Tests.Driver;

// Apps are started one after the other: the host gives up a request whose function has not begun within five seconds.
[assembly: Parallelization(Mode = ParallelMode.None)]
[assembly: AssemblyFixture(typeof(StorageFixture))]
[assembly: AssemblyFixture(typeof(PublishedApp))]
