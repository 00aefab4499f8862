using LLaDA.Batch.Benchmarks;
using LLaDA.Batch.Benchmarks.Tables;

namespace LLaDA.Batch.Infra.Tests;

/// <summary>Tables and charts of docs/benchmarks show the results that are kept.</summary>
public sealed class BenchmarkPagesTests
{
    [Fact]
    public void Every_page_and_chart_equals_what_the_results_give() =>
        Assert.All(new ResultPages(Repository.Root).Generate(), file => Assert.Equal(file.Text, File.ReadAllText(file.Path)));

    [Fact]
    public void Every_kept_result_is_on_a_page()
    {
        string pages = string.Concat(new ResultPages(Repository.Root).Generate().Select(file => file.Text));

        Assert.All(Directory.GetFiles(Path.Combine(Repository.Root, "tests", "Benchmarks", "results")), file =>
            Assert.Contains($"<!-- table {Path.GetFileName(file)}", pages, StringComparison.Ordinal));
    }
}
