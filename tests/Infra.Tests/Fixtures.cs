[assembly: AssemblyFixture(typeof(StorageFixture))]
