using System.Reflection;

namespace LLaDA.Batch.Benchmarks;

/// <summary>Where the benchmarks find their models and texts.</summary>
internal static class Repository
{
    public static string Root { get; } = typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == "RepositoryRoot").Value!;
}
