using System.Diagnostics;
using LLaDA.Batch.Tests;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace LLaDA.Batch.EndToEnd.Tests.Snippets;

/// <summary>The C# blocks of the README and the guides are programs, which compile as in a new console project that refers to LLaDA.Diffusion, and run from the root of the repository.</summary>
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

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-page-").FullName, _program = Directory.CreateTempSubdirectory("llada-program-").FullName;

    public static TheoryData<string> Pages => [.. MarkdownPage.Guides.Where(page => MarkdownPage.Read(page).Blocks.Any(block => block.Language == "csharp"))];

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Every_program_compiles_and_runs_as_written(string path)
    {
        Directory.CreateSymbolicLink(Path.Combine(_folder, "gpu-worker"), Path.Combine(MarkdownPage.Root, "gpu-worker"));
        foreach (string file in Directory.GetFiles(BuiltProgram.WorkerFolder).Where(file => Path.GetExtension(file) is ".dll" or ".so"))
            File.CreateSymbolicLink(Path.Combine(_program, Path.GetFileName(file)), file);
        string? printed = null;
        foreach (var block in MarkdownPage.Read(path).Blocks)
        {
            if (block.Language == "csharp")
                printed = await RunAsync(Compile(block), block);
            else if (block.Language == "output" && printed is not null)
                Assert.True(PrintedText.Of(block.Text).IsMatch(printed), $"{path}, line {block.Line}: expected\n{block.Text}\nbut it printed\n{printed}");
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
        var compilation = CSharpCompilation.Create(name, new[] { ImplicitUsings, block.Text }.Select(text => CSharpSyntaxTree.ParseText(text)), References(), options);
        var result = compilation.Emit(file);
        Assert.True(result.Success, string.Join('\n', result.Diagnostics.Where(fault => fault.Severity >= DiagnosticSeverity.Warning)));
        File.Copy(Path.Combine(BuiltProgram.WorkerFolder, "LLaDA.Batch.Worker.runtimeconfig.json"), Path.Combine(_program, name + ".runtimeconfig.json"));
        return file;
    }

    /// <summary>The framework, the library, and what the library brings along; nothing of the service.</summary>
    private static IEnumerable<MetadataReference> References() =>
        ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(':').Where(file => file.StartsWith(Path.GetDirectoryName(typeof(object).Assembly.Location)!, StringComparison.Ordinal))
            .Concat(new[] { "LLaDA.Diffusion.dll", "TorchSharp.dll", "Microsoft.ML.Tokenizers.dll" }.Select(file => Path.Combine(BuiltProgram.WorkerFolder, file)))
            .Select(file => MetadataReference.CreateFromFile(file));

    private async Task<string> RunAsync(string program, CodeBlock block)
    {
        var start = new ProcessStartInfo(BuiltProgram.DotNet, ["exec", program]) { WorkingDirectory = _folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["OMP_WAIT_POLICY"] = "PASSIVE";
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync().WaitAsync(s_limit);
        await process.WaitForExitAsync().WaitAsync(s_limit);
        Assert.True(process.ExitCode == 0, $"The program of line {block.Line} failed:\n{output}\n{await errors}");
        return output.Trim();
    }
}
