using System.Diagnostics;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace LLaDA.Batch.EndToEnd.Tests.Snippets;

/// <summary>
/// The C# blocks of the README and the guides are programs. They compile as in a new console project that refers to
/// LLaDA.Diffusion, and run from the root of the repository.
/// </summary>
public sealed class CSharpPagesTests : IDisposable
{
    /// <summary>What a new console project imports by itself.</summary>
    private const string ImplicitUsings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        """;

    /// <summary>The library and what it shows of others in its own signatures; nothing of the service.</summary>
    private static readonly string[] s_libraries = ["LLaDA.Diffusion.dll", "TorchSharp.dll"];

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-page-").FullName;
    private readonly string _program = Directory.CreateTempSubdirectory("llada-program-").FullName;

    public static TheoryData<string> Pages =>
        [.. MarkdownPage.Guides.Where(page => MarkdownPage.Read(page).Blocks.Any(block => block.Language == "csharp"))];

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Every_program_compiles_and_runs_as_written(string path)
    {
        Directory.CreateSymbolicLink(Path.Combine(_folder, "gpu-worker"), Repository.PathOf("gpu-worker"));
        foreach (string file in Directory.GetFiles(BuiltProgram.WorkerFolder).Where(file => Path.GetExtension(file) is ".dll" or ".so"))
            File.CreateSymbolicLink(Path.Combine(_program, Path.GetFileName(file)), file);
        string? printed = null;
        foreach (var block in MarkdownPage.Read(path).Blocks)
        {
            if (block.Language == "csharp")
                printed = await RunAsync(Compile(block), block);
            else if (block.Language == "output" && printed is not null)
                PrintedText.AssertIs(printed, block, path);
            else
                printed = null;
        }
    }

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        Directory.Delete(_program, recursive: true);
    }

    private string Compile(CodeBlock block)
    {
        string name = $"program{block.Line}", file = Path.Combine(_program, name + ".dll");
        var options = new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable);
        var trees = new[] { ImplicitUsings, block.Text }.Select(text => CSharpSyntaxTree.ParseText(text));
        var result = CSharpCompilation.Create(name, trees, References(), options).Emit(file);
        var errors = result.Diagnostics.Where(fault => fault.Severity == DiagnosticSeverity.Error);
        Assert.True(result.Success, $"line {block.Line}: {string.Join('\n', errors)}");
        string settings = Path.Combine(BuiltProgram.WorkerFolder, "LLaDA.Batch.Worker.runtimeconfig.json");
        File.Copy(settings, Path.Combine(_program, name + ".runtimeconfig.json"));
        return file;
    }

    private static IEnumerable<MetadataReference> References()
    {
        string framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        return ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(':')
            .Where(file => Path.GetDirectoryName(file) == framework)
            .Concat(s_libraries.Select(file => Path.Combine(BuiltProgram.WorkerFolder, file)))
            .Select(file => MetadataReference.CreateFromFile(file));
    }

    private async Task<string> RunAsync(string program, CodeBlock block)
    {
        var start = new ProcessStartInfo(BuiltProgram.DotNet, ["exec", program])
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["OMP_DISPLAY_ENV"] = "VERBOSE" },
        };
        start.Environment.Remove("OMP_WAIT_POLICY");
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync().WaitAsync(s_limit);
        await process.WaitForExitAsync().WaitAsync(s_limit);
        Assert.True(process.ExitCode == 0, $"The program of line {block.Line} failed:\n{output}\n{await errors}");
        // OpenMP prints its settings once it is loaded, and the library has told it to let waiting threads sleep.
        Assert.DoesNotMatch("GOMP_SPINCOUNT = '[1-9]", await errors);
        return output.Trim();
    }
}
