using LLaDA.Batch.Worker.Tests;

[assembly: AssemblyFixture(typeof(TinyModel))]
