return await LLaDA.Batch.Cli.CommandLine.RunAsync(args, Console.Out, Console.Error);
